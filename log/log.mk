# SPDX-License-Identifier: BSD-3-Clause

noinst_LTLIBRARIES += libdirtylog.la
libdirtylog_la_SOURCES = \
	log/core-log.c \
	log/dirty-log.c \
	log/dirty-log.h \
	log/log-data.h \
	log/log-life.h \
	log/log-move.c \
	log/log-types.c \
	log/record-wire.c \
	log/record-wire.h \
	log/disk/disk-create.c \
	log/disk/disk-create.h \
	log/disk/disk-grow.c \
	log/disk/disk-grow.h \
	log/disk/disk-find.c \
	log/disk/disk-find.h \
	log/disk/disk-format.c \
	log/disk/disk-format.h \
	log/disk/disk-io.c \
	log/disk/disk-io.h \
	log/disk/disk-load.c \
	log/disk/disk-load.h \
	log/disk/disk-look.c \
	log/disk/disk-look.h \
	log/disk/disk-map.c \
	log/disk/disk-map.h \
	log/disk/disk-number.c \
	log/disk/disk-number.h \
	log/disk/disk-record.c \
	log/disk/disk-record.h \
	log/disk/disk-write.c \
	log/disk/disk-write.h \
	log/disk/disk.c \
	log/disk/disk.h \
	log/disk/store.h \
	log/disk/store-file.c \
	log/disk/store-file.h \
	log/disk/store-renew.c \
	log/remote/userspace-cycle.c \
	log/remote/userspace-cycle.h \
	log/remote/userspace-flush.c \
	log/remote/userspace-flush.h \
	log/remote/userspace-image.c \
	log/remote/userspace-image.h \
	log/remote/userspace-load.c \
	log/remote/userspace-load.h \
	log/remote/userspace-open.c \
	log/remote/userspace-open.h \
	log/remote/userspace-runs.c \
	log/remote/userspace-runs.h \
	log/remote/userspace-send.c \
	log/remote/userspace-send.h \
	log/remote/userspace-session.c \
	log/remote/userspace-session.h \
	log/remote/userspace-spec.c \
	log/remote/userspace-spec.h \
	log/remote/userspace.c \
	log/remote/userspace.h \
	log/truth/backend.h \
	log/truth/group-commit.c \
	log/truth/group-commit.h \
	log/truth/leg-byte.h \
	log/truth/truth.c \
	log/truth/truth.h \
	log/truth/truth-query.c \
	log/truth/truth-recent.c \
	$(NULL)
libdirtylog_la_CPPFLAGS = \
	$(CLIENT_CPPFLAGS) \
	$(LOG_IMPL_CPPFLAGS) \
	$(UUID_CFLAGS) \
	$(ZLIB_CFLAGS) \
	$(NULL)
libdirtylog_la_LIBADD = \
	$(UUID_LIBS) \
	$(ZLIB_LIBS) \
	$(NULL)

if HAVE_CURL
noinst_LTLIBRARIES += libetcd.la
libetcd_la_SOURCES = \
	log/etcd/base64.c \
	log/etcd/base64.h \
	log/etcd/etcd-curl.c \
	log/etcd/etcd-impl.h \
	log/etcd/etcd-json.c \
	log/etcd/etcd-json.h \
	log/etcd/etcd-lease.c \
	log/etcd/etcd-log.c \
	log/etcd/etcd-log.h \
	log/etcd/etcd-request.c \
	log/etcd/etcd-seat.c \
	log/etcd/etcd-seat.h \
	log/etcd/etcd-store.c \
	log/etcd/etcd-store.h \
	log/etcd/etcd.c \
	log/etcd/etcd.h \
	$(NULL)
libetcd_la_CPPFLAGS = \
	$(ETCD_CPPFLAGS) \
	$(LOG_IMPL_CPPFLAGS) \
	$(CURL_CFLAGS) \
	$(JSON_CFLAGS) \
	$(NULL)
libetcd_la_LIBADD = \
	$(CURL_LIBS) \
	$(JSON_LIBS) \
	$(NULL)
endif

# The log, and what whoever links it takes, too.
LOG_LIBS = libdirtylog.la $(CLIENT_LIBS) libcommon.la
