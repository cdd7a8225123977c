# SPDX-License-Identifier: BSD-3-Clause

noinst_LTLIBRARIES += libcommon.la
libcommon_la_SOURCES = \
	common/bitset.c \
	common/bitset.h \
	common/buffer.c \
	common/buffer.h \
	common/byte-order.h \
	common/cleanup.h \
	common/crc32c.c \
	common/crc32c.h \
	common/deadline.h \
	common/file-id.c \
	common/file-id.h \
	common/file-name.c \
	common/file-name.h \
	common/full-io.h \
	common/journal.c \
	common/journal.h \
	common/leg-kind.c \
	common/leg-kind.h \
	common/msg-levels.c \
	common/msg.h \
	common/owner.c \
	common/owner.h \
	common/resolver.c \
	common/resolver.h \
	common/thread.c \
	common/thread.h \
	common/utf8.c \
	common/utf8.h \
	common/zero.h \
	$(NULL)

# The message sink of tools and unit tests.
noinst_LTLIBRARIES += libmsgstderr.la
libmsgstderr_la_SOURCES = common/msg-stderr.c
