# SPDX-License-Identifier: BSD-3-Clause

# The mirror.
noinst_LTLIBRARIES += libmirror.la
libmirror_la_SOURCES = \
	plugin/mirror/acknowledge.c \
	plugin/mirror/acknowledge.h \
	plugin/mirror/bad-regions.c \
	plugin/mirror/bad-regions.h \
	plugin/mirror/block-status.c \
	plugin/mirror/block-status.h \
	plugin/mirror/copy-run.c \
	plugin/mirror/copy-run.h \
	plugin/mirror/copy-send.c \
	plugin/mirror/copy-send.h \
	plugin/mirror/copy.c \
	plugin/mirror/copy.h \
	plugin/mirror/extent-map.c \
	plugin/mirror/extent-map.h \
	plugin/mirror/fan.c \
	plugin/mirror/fan.h \
	plugin/mirror/flush.c \
	plugin/mirror/flush.h \
	plugin/mirror/hot-limit.c \
	plugin/mirror/hot-limit.h \
	plugin/mirror/holes.c \
	plugin/mirror/holes.h \
	plugin/mirror/hot.c \
	plugin/mirror/hot.h \
	plugin/mirror/life.c \
	plugin/mirror/member-state.c \
	plugin/mirror/member-state.h \
	plugin/mirror/members.c \
	plugin/mirror/members.h \
	plugin/mirror/mirror-impl.h \
	plugin/mirror/mirror-new.c \
	plugin/mirror/mirror-new.h \
	plugin/mirror/mirror-status.c \
	plugin/mirror/verdict.c \
	plugin/mirror/verdict.h \
	plugin/mirror/mirror-worker.c \
	plugin/mirror/mirror-worker.h \
	plugin/mirror/mirror.h \
	plugin/mirror/probe-places.c \
	plugin/mirror/probe-places.h \
	plugin/mirror/probe.c \
	plugin/mirror/probe.h \
	plugin/mirror/quarantine.c \
	plugin/mirror/quarantine.h \
	plugin/mirror/range.c \
	plugin/mirror/range.h \
	plugin/mirror/rate.c \
	plugin/mirror/rate.h \
	plugin/mirror/read.c \
	plugin/mirror/recovery.c \
	plugin/mirror/recovery.h \
	plugin/mirror/regions.h \
	plugin/mirror/rejoin-check.c \
	plugin/mirror/rejoin-check.h \
	plugin/mirror/rejoin.c \
	plugin/mirror/rejoin.h \
	plugin/mirror/repair.c \
	plugin/mirror/repair.h \
	plugin/mirror/report.c \
	plugin/mirror/report.h \
	plugin/mirror/resync.c \
	plugin/mirror/resync.h \
	plugin/mirror/source.c \
	plugin/mirror/source.h \
	plugin/mirror/status.h \
	plugin/mirror/sweep.c \
	plugin/mirror/sweep.h \
	plugin/mirror/thin-copy.c \
	plugin/mirror/thin-copy.h \
	plugin/mirror/write.c \
	plugin/mirror/write.h \
	$(NULL)
libmirror_la_CPPFLAGS = $(MIRROR_CPPFLAGS)
