# SPDX-License-Identifier: BSD-3-Clause

# How a mirror starts: above the mirror.
noinst_LTLIBRARIES += libopen.la
libopen_la_SOURCES = \
	plugin/open/apply.c \
	plugin/open/apply.h \
	plugin/open/lost-source.c \
	plugin/open/lost-source.h \
	plugin/open/lost.c \
	plugin/open/lost.h \
	plugin/open/new-history.c \
	plugin/open/open-records.c \
	plugin/open/open-records.h \
	plugin/open/open.c \
	plugin/open/open.h \
	plugin/open/plan-content.c \
	plugin/open/plan-content.h \
	plugin/open/plan-geometry.c \
	plugin/open/plan-geometry.h \
	plugin/open/plan-keeps.c \
	plugin/open/plan-keeps.h \
	plugin/open/plan-lost.c \
	plugin/open/plan-lost.h \
	plugin/open/plan-match.c \
	plugin/open/plan-match.h \
	plugin/open/plan-nested.c \
	plugin/open/plan-nested.h \
	plugin/open/plan-new.c \
	plugin/open/plan-new.h \
	plugin/open/plan-newest.c \
	plugin/open/plan-newest.h \
	plugin/open/plan-older.c \
	plugin/open/plan-older.h \
	plugin/open/plan-print.c \
	plugin/open/plan-print.h \
	plugin/open/plan-records.c \
	plugin/open/plan-records.h \
	plugin/open/plan-source.c \
	plugin/open/plan-source.h \
	plugin/open/plan-verdict.c \
	plugin/open/plan-verdict.h \
	plugin/open/plan.c \
	plugin/open/plan.h \
	plugin/open/same-disk.c \
	plugin/open/same-disk.h \
	$(NULL)
libopen_la_CPPFLAGS = $(OPEN_CPPFLAGS) $(UUID_CFLAGS)
libopen_la_LIBADD = $(UUID_LIBS)

# Convenience libraries do not contain each other: whoever links the mirror
# takes these.
MIRROR_LIBS = libopen.la libmirror.la liblegs.la librecord.la $(LOG_LIBS)
