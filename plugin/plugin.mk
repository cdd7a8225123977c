# SPDX-License-Identifier: BSD-3-Clause

# The legs: what a mirror is made of.
noinst_LTLIBRARIES += liblegs.la
liblegs_la_SOURCES = \
	plugin/leg-file.c \
	plugin/leg-id.c \
	plugin/leg-id.h \
	plugin/leg-io.c \
	plugin/leg-nbd.c \
	plugin/leg-ops.h \
	plugin/leg.c \
	plugin/leg.h \
	plugin/nbd-conn.c \
	plugin/nbd-conn.h \
	plugin/pool.c \
	plugin/pool.h \
	$(NULL)
liblegs_la_CPPFLAGS = $(AM_CPPFLAGS) $(LIBNBD_CFLAGS) $(UUID_CFLAGS)
liblegs_la_LIBADD = \
	$(LIBNBD_LIBS) \
	$(UUID_LIBS) \
	$(NULL)

noinst_LTLIBRARIES += libcontrol.la
libcontrol_la_SOURCES = \
	plugin/control.c \
	plugin/control.h \
	plugin/leg.h \
	plugin/mirror.h \
	plugin/status-json.c \
	plugin/status-json.h \
	plugin/status.h \
	$(NULL)
libcontrol_la_CFLAGS = $(AM_CFLAGS) $(JSON_CFLAGS)
libcontrol_la_LIBADD = $(JSON_LIBS) $(EV_LIBS)
CONTROL_LIBS = libcontrol.la libunixsocket.la

# Everything but nbdkit's callbacks, so that unit tests can link it.
noinst_LTLIBRARIES += libmirror.la
libmirror_la_SOURCES = \
	plugin/apply.c \
	plugin/apply.h \
	plugin/copy.c \
	plugin/copy.h \
	plugin/hot.c \
	plugin/hot.h \
	plugin/members.c \
	plugin/mirror-impl.h \
	plugin/mirror-status.c \
	plugin/mirror.c \
	plugin/mirror.h \
	plugin/plan-content.c \
	plugin/plan-geometry.c \
	plugin/plan-impl.h \
	plugin/plan-match.c \
	plugin/plan-source.c \
	plugin/plan.c \
	plugin/plan.h \
	plugin/probe-places.c \
	plugin/probe-places.h \
	plugin/probe.c \
	plugin/probe.h \
	plugin/quarantine.c \
	plugin/range.c \
	plugin/range.h \
	plugin/rate.c \
	plugin/read.c \
	plugin/rejoin.c \
	plugin/repair.c \
	plugin/resync.c \
	plugin/start.c \
	plugin/status.h \
	plugin/sweep.c \
	plugin/write.c \
	$(NULL)
libmirror_la_CPPFLAGS = $(AM_CPPFLAGS) $(UUID_CFLAGS)
libmirror_la_LIBADD = $(UUID_LIBS)

# Convenience libraries do not contain each other: whoever links the mirror
# takes these.
MIRROR_LIBS = libmirror.la liblegs.la $(LOG_LIBS)

plugin_LTLIBRARIES = nbdkit-mirror-plugin.la
nbdkit_mirror_plugin_la_SOURCES = \
	plugin/config.c \
	plugin/msg-nbdkit.c \
	plugin/params.h \
	plugin/plugin.c \
	plugin/shutdown.c \
	plugin/shutdown.h \
	$(NULL)
nbdkit_mirror_plugin_la_CPPFLAGS = $(AM_CPPFLAGS) $(NBDKIT_CFLAGS)
nbdkit_mirror_plugin_la_LDFLAGS = \
	$(AM_LDFLAGS) \
	-module -avoid-version -shared \
	-Wl,--version-script=$(srcdir)/plugin/plugin.syms \
	$(NULL)
nbdkit_mirror_plugin_la_LIBADD = $(CONTROL_LIBS) $(MIRROR_LIBS)
nbdkit_mirror_plugin_la_DEPENDENCIES = \
	$(CONTROL_LIBS) \
	$(MIRROR_LIBS) \
	plugin/plugin.syms \
	$(NULL)
EXTRA_DIST += plugin/plugin.syms
