# SPDX-License-Identifier: BSD-3-Clause

sbin_PROGRAMS += logd/nbdmirror-logd
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
	logd/server.h \
	logd/store-spec.c \
	logd/store-spec.h \
	logd/open-depot.c \
	logd/open-depot.h \
	logd/client/access.c \
	logd/client/access.h \
	logd/client/asker.c \
	logd/client/asker.h \
	logd/client/logd-client.c \
	logd/client/logd-client.h \
	logd/request/answer.c \
	logd/request/answer.h \
	logd/request/attach-queue.c \
	logd/request/attach-queue.h \
	logd/request/attach.c \
	logd/request/attach.h \
	logd/request/change.c \
	logd/request/change.h \
	logd/request/detach.c \
	logd/request/detach.h \
	logd/request/dispatch.c \
	logd/request/dispatch.h \
	logd/request/flush.c \
	logd/request/flush.h \
	logd/request/list-logs.c \
	logd/request/list-logs.h \
	logd/request/ownership.c \
	logd/request/ownership.h \
	logd/request/query.c \
	logd/request/query.h \
	logd/request/reader.c \
	logd/request/reader.h \
	logd/request/removal.c \
	logd/request/removal.h \
	logd/request/resize.c \
	logd/request/resize.h \
	logd/request/state-feed.c \
	logd/request/state-feed.h \
	logd/request/takeover.c \
	logd/request/takeover.h \
	logd/served/depot.h \
	logd/served/depot-dir.c \
	logd/served/lease-file.c \
	logd/served/lease-file.h \
	logd/served/lease-text.c \
	logd/served/lease-text.h \
	logd/served/lease-write.c \
	logd/served/lease-write.h \
	logd/served/lease.c \
	logd/served/lease.h \
	logd/served/replies.c \
	logd/served/replies.h \
	logd/served/served-look.c \
	logd/served/served-look.h \
	logd/served/served-open.c \
	logd/served/served-open.h \
	logd/served/served-pump.c \
	logd/served/served-pump.h \
	logd/served/served.c \
	logd/served/served.h \
	logd/served/worker.c \
	logd/served/worker.h \
	logd/status/http.c \
	logd/status/http.h \
	logd/status/log-status.c \
	logd/status/log-status.h \
	logd/status/metrics.c \
	logd/status/metrics.h \
	$(NULL)
if HAVE_CURL
logd_nbdmirror_logd_SOURCES += \
	logd/served/depot-etcd.c \
	logd/served/depot-etcd.h \
	$(NULL)
endif
logd_nbdmirror_logd_CPPFLAGS = \
	$(STREAM_CPPFLAGS) \
	$(PROTO_CPPFLAGS) \
	$(ETCD_CPPFLAGS) \
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
logd_nbdmirror_logd_LDADD =
if HAVE_CURL
logd_nbdmirror_logd_LDADD += libetcd.la
endif
logd_nbdmirror_logd_LDADD += \
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

nodist_systemdsystemunit_DATA += logd/nbdmirror-logd.service
dist_systemdsystemunit_DATA += logd/nbdmirror-logd.socket
EXTRA_DIST += logd/nbdmirror-logd.service.in
CLEANFILES += logd/nbdmirror-logd.service

logd/nbdmirror-logd.service: $(srcdir)/logd/nbdmirror-logd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(fill_in)
