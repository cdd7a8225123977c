# SPDX-License-Identifier: BSD-3-Clause

# The legs: what a mirror is made of.
noinst_LTLIBRARIES += liblegs.la
liblegs_la_SOURCES = \
	plugin/leg/aside.c \
	plugin/leg/aside.h \
	plugin/leg/block-objects.c \
	plugin/leg/block-objects.h \
	plugin/leg/block-sysfs.c \
	plugin/leg/block-sysfs.h \
	plugin/leg/leg-base.c \
	plugin/leg/leg-base.h \
	plugin/leg/leg-calls.c \
	plugin/leg/leg-calls.h \
	plugin/leg/leg-extents.c \
	plugin/leg/leg-file-extents.c \
	plugin/leg/leg-file-extents.h \
	plugin/leg/leg-file-medium.c \
	plugin/leg/leg-file-medium.h \
	plugin/leg/leg-file-open.c \
	plugin/leg/leg-file-open.h \
	plugin/leg/leg-file.c \
	plugin/leg/leg-gate.c \
	plugin/leg/leg-gate.h \
	plugin/leg/leg-id.c \
	plugin/leg/leg-id.h \
	plugin/leg/leg-io.c \
	plugin/leg/leg-latency.c \
	plugin/leg/leg-latency.h \
	plugin/leg/leg-name.c \
	plugin/leg/leg-name.h \
	plugin/leg/leg-nbd.c \
	plugin/leg/leg-objects.c \
	plugin/leg/leg-objects.h \
	plugin/leg/leg-ops.h \
	plugin/leg/leg-pieces.c \
	plugin/leg/leg-pieces.h \
	plugin/leg/leg-request.c \
	plugin/leg/leg-request.h \
	plugin/leg/leg-samples.c \
	plugin/leg/leg-samples.h \
	plugin/leg/leg.c \
	plugin/leg/leg.h \
	plugin/leg/nbd-conn.c \
	plugin/leg/nbd-conn.h \
	plugin/leg/nbd-connect.c \
	plugin/leg/nbd-connect.h \
	plugin/leg/nbd-export.c \
	plugin/leg/nbd-export.h \
	plugin/leg/nbd-extents.c \
	plugin/leg/nbd-extents.h \
	plugin/leg/nbd-identity.c \
	plugin/leg/nbd-identity.h \
	plugin/leg/nbd-lock.c \
	plugin/leg/nbd-lock.h \
	plugin/leg/nbd-others.c \
	plugin/leg/nbd-others.h \
	plugin/leg/nbd-pace.c \
	plugin/leg/nbd-pace.h \
	plugin/leg/nbd-places.c \
	plugin/leg/nbd-places.h \
	plugin/leg/nbd-poll.c \
	plugin/leg/nbd-poll.h \
	plugin/leg/nbd-queue.c \
	plugin/leg/nbd-queue.h \
	plugin/leg/nbd-reader.c \
	plugin/leg/nbd-reader.h \
	plugin/leg/nbd-send.c \
	plugin/leg/nbd-send.h \
	plugin/leg/nbd-socket.c \
	plugin/leg/nbd-socket.h \
	plugin/leg/nbd-target.c \
	plugin/leg/nbd-target.h \
	plugin/leg/nbd-uri.c \
	plugin/leg/nbd-uri.h \
	plugin/leg/object-set.c \
	plugin/leg/object-set.h \
	plugin/leg/pool.c \
	plugin/leg/pool.h \
	$(NULL)
liblegs_la_CPPFLAGS = \
	$(LEG_CPPFLAGS) \
	$(LIBNBD_CFLAGS) \
	$(LIBXML2_CFLAGS) \
	$(UUID_CFLAGS) \
	$(NULL)
liblegs_la_LIBADD = \
	$(LIBNBD_LIBS) \
	$(LIBXML2_LIBS) \
	$(UUID_LIBS) \
	$(NULL)
