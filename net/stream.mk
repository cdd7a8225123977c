# SPDX-License-Identifier: BSD-3-Clause

noinst_LTLIBRARIES += libstream.la
libstream_la_SOURCES = \
	net/address.c \
	net/address.h \
	net/buffer.c \
	net/buffer.h \
	net/ev-util.h \
	net/stream-plain.c \
	net/stream-socket.c \
	net/stream-socket.h \
	net/stream-tls.c \
	net/stream.c \
	net/stream.h \
	net/tls-impl.h \
	net/tls-psk.c \
	net/tls.c \
	net/tls.h \
	net/transport.h \
	$(NULL)
libstream_la_CPPFLAGS = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS)
libstream_la_LIBADD = $(EV_LIBS) $(GNUTLS_LIBS)
