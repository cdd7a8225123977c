# SPDX-License-Identifier: BSD-3-Clause

# What a leg knows by itself: the format of its record, which of two knows more,
# and who the owner is.
noinst_LTLIBRARIES += librecord.la
librecord_la_SOURCES = \
	plugin/record/record-beat.c \
	plugin/record/record-block.c \
	plugin/record/record-block.h \
	plugin/record/record-format.c \
	plugin/record/record-format.h \
	plugin/record/record-order.c \
	plugin/record/record-order.h \
	plugin/record/record-owner.c \
	plugin/record/record-owner.h \
	$(NULL)
librecord_la_CPPFLAGS = $(RECORD_CPPFLAGS)
librecord_la_LIBADD = $(ZLIB_LIBS)
