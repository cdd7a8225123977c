# SPDX-License-Identifier: BSD-3-Clause

sbin_PROGRAMS = logd/nbdmirror-logd
logd_nbdmirror_logd_SOURCES = \
	logd/access.c \
	logd/attach.c \
	logd/client.c \
	logd/http.c \
	logd/lease-file.c \
	logd/lease-file.h \
	logd/lease.c \
	logd/lease.h \
	logd/list.c \
	logd/listen.c \
	logd/listen.h \
	logd/logd.h \
	logd/main.c \
	logd/metrics.c \
	logd/msg-logd.c \
	logd/msg-logd.h \
	logd/options.c \
	logd/options.h \
	logd/remove.c \
	logd/replies.c \
	logd/request.c \
	logd/served.c \
	logd/server.c \
	logd/state.c \
	logd/status.c \
	logd/takeover.c \
	logd/worker.c \
	logd/worker.h \
	$(NULL)
logd_nbdmirror_logd_CPPFLAGS = \
	$(STREAM_CPPFLAGS) \
	$(PROTO_CPPFLAGS) \
	$(LOG_CPPFLAGS) \
	-I$(srcdir)/logd \
	$(JSON_CFLAGS) \
	$(MICROHTTPD_CFLAGS) \
	$(SYSTEMD_CFLAGS) \
	$(UUID_CFLAGS) \
	$(NULL)
logd_nbdmirror_logd_LDADD = \
	libdirtylog.la \
	libclient.la \
	libproto.la \
	libstream.la \
	libunixsocket.la \
	libcommon.la \
	$(JSON_LIBS) \
	$(MICROHTTPD_LIBS) \
	$(SYSTEMD_LIBS) \
	$(UUID_LIBS) \
	$(EV_LIBS) \
	$(NULL)

systemdsystemunitdir = $(prefix)/lib/systemd/system
nodist_systemdsystemunit_DATA = logd/nbdmirror-logd.service
dist_systemdsystemunit_DATA = logd/nbdmirror-logd.socket
EXTRA_DIST += logd/nbdmirror-logd.service.in
CLEANFILES = logd/nbdmirror-logd.service

logd/nbdmirror-logd.service: $(srcdir)/logd/nbdmirror-logd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	sed 's,[@]sbindir[@],$(sbindir),' \
	  $(srcdir)/logd/nbdmirror-logd.service.in > $@.tmp && mv $@.tmp $@
