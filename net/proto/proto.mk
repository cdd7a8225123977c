# SPDX-License-Identifier: BSD-3-Clause

noinst_LTLIBRARIES += libproto.la
libproto_la_SOURCES = \
	net/proto/proto.c \
	net/proto/proto.h \
	net/proto/proto-impl.h \
	net/proto/proto-payload.c \
	net/proto/proto-wire.c \
	$(NULL)
libproto_la_CPPFLAGS = $(PROTO_CPPFLAGS) $(ZLIB_CFLAGS)
libproto_la_LIBADD = $(ZLIB_LIBS)
