# SPDX-License-Identifier: BSD-3-Clause

noinst_LTLIBRARIES += libdirtylog.la
libdirtylog_la_SOURCES = \
	log/backend.h \
	log/core.c \
	log/core.h \
	log/core-log.c \
	log/core-query.c \
	log/core-recent.c \
	log/dirty-log.c \
	log/dirty-log.h \
	log/disk.c \
	log/disk.h \
	log/disk-create.c \
	log/disk-find.c \
	log/disk-find.h \
	log/disk-format.c \
	log/disk-format.h \
	log/disk-load.c \
	log/disk-map.c \
	log/disk-read.c \
	log/disk-record.c \
	log/disk-write.c \
	log/group-commit.c \
	log/group-commit.h \
	log/store.h \
	log/store-file.c \
	log/userspace.c \
	log/userspace.h \
	log/userspace-cycle.c \
	log/userspace-load.c \
	log/userspace-send.c \
	log/userspace-session.c \
	log/userspace-spec.c \
	$(NULL)
libdirtylog_la_CPPFLAGS = \
	$(AM_CPPFLAGS) \
	$(UUID_CFLAGS) \
	$(ZLIB_CFLAGS) \
	$(NULL)
libdirtylog_la_LIBADD = \
	$(UUID_LIBS) \
	$(ZLIB_LIBS) \
	$(NULL)

# The log, and what whoever links it takes, too.
LOG_LIBS = libdirtylog.la $(CLIENT_LIBS) libcommon.la
