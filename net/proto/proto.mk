# SPDX-License-Identifier: BSD-3-Clause

noinst_LTLIBRARIES += libproto.la
libproto_la_SOURCES = \
	net/proto/proto-payload.c \
	net/proto/proto-payload.h \
	net/proto/proto-str.c \
	net/proto/proto-str.h \
	net/proto/proto-types.c \
	net/proto/proto-types.h \
	net/proto/proto-wire.c \
	net/proto/proto-wire.h \
	net/proto/proto.c \
	net/proto/proto.h \
	$(NULL)
libproto_la_CPPFLAGS = $(PROTO_CPPFLAGS) $(ZLIB_CFLAGS)
libproto_la_LIBADD = $(ZLIB_LIBS)
