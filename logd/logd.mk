# SPDX-License-Identifier: BSD-3-Clause

sbin_PROGRAMS = logd/nbdmirror-logd
logd_nbdmirror_logd_SOURCES = \
	logd/access.c \
	logd/admin.c \
	logd/attach.c \
	logd/client.c \
	logd/lease-file.c \
	logd/lease-file.h \
	logd/lease.c \
	logd/lease.h \
	logd/listen.c \
	logd/listen.h \
	logd/logd.h \
	logd/main.c \
	logd/msg-logd.c \
	logd/msg-logd.h \
	logd/options.c \
	logd/options.h \
	logd/replies.c \
	logd/request.c \
	logd/served.c \
	logd/server.c \
	logd/state.c \
	logd/tls-stub.c \
	logd/takeover.c \
	logd/worker.c \
	logd/worker.h \
	$(NULL)
logd_nbdmirror_logd_CPPFLAGS = \
	$(AM_CPPFLAGS) \
	$(JSON_CFLAGS) \
	$(SYSTEMD_CFLAGS) \
	$(NULL)
logd_nbdmirror_logd_LDADD = \
	libproto.la \
	libstream.la \
	libdirtylog.la \
	libunixsocket.la \
	libcommon.la \
	$(JSON_LIBS) \
	$(SYSTEMD_LIBS) \
	$(EV_LIBS) \
	$(NULL)
