# SPDX-License-Identifier: BSD-3-Clause

noinst_LTLIBRARIES += libproto.la
libproto_la_SOURCES = \
	net/proto.c \
	net/proto.h \
	net/proto-buf.c \
	net/proto-impl.h \
	net/proto-payload.c \
	net/proto-wire.c \
	$(NULL)
libproto_la_CPPFLAGS = $(AM_CPPFLAGS) $(ZLIB_CFLAGS)
libproto_la_LIBADD = $(ZLIB_LIBS)
