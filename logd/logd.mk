# SPDX-License-Identifier: BSD-3-Clause

sbin_PROGRAMS = logd/nbdmirror-logd
logd_nbdmirror_logd_SOURCES = \
	logd/listen.c \
	logd/listen.h \
	logd/logd.h \
	logd/main.c \
	logd/msg-logd.c \
	logd/msg-logd.h \
	logd/options.c \
	logd/options.h \
	logd/server.c \
	logd/client/access.c \
	logd/client/logd-client.c \
	logd/request/attach.c \
	logd/request/dispatch.c \
	logd/request/list-logs.c \
	logd/request/removal.c \
	logd/request/state-feed.c \
	logd/request/takeover.c \
	logd/served/lease-file.c \
	logd/served/lease-file.h \
	logd/served/lease.c \
	logd/served/lease.h \
	logd/served/replies.c \
	logd/served/served.c \
	logd/served/worker.c \
	logd/served/worker.h \
	logd/status/http.c \
	logd/status/log-status.c \
	logd/status/metrics.c \
	$(NULL)
logd_nbdmirror_logd_CPPFLAGS = \
	$(STREAM_CPPFLAGS) \
	$(PROTO_CPPFLAGS) \
	$(LOG_CPPFLAGS) \
	-I$(srcdir)/logd \
	-I$(srcdir)/logd/client \
	-I$(srcdir)/logd/served \
	-I$(srcdir)/logd/request \
	-I$(srcdir)/logd/status \
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
