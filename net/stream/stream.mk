# SPDX-License-Identifier: BSD-3-Clause

noinst_LTLIBRARIES += libstream.la
libstream_la_SOURCES = \
	net/stream/address.c \
	net/stream/address.h \
	net/stream/ev-util.h \
	net/stream/lookup.c \
	net/stream/lookup.h \
	net/stream/resolved.c \
	net/stream/resolved.h \
	net/stream/stream-impl.h \
	net/stream/stream-io.c \
	net/stream/stream-plain.c \
	net/stream/stream-socket.c \
	net/stream/stream-socket.h \
	net/stream/stream-state.c \
	net/stream/stream-tls.c \
	net/stream/stream-tls.h \
	net/stream/stream.c \
	net/stream/stream.h \
	net/stream/tls-expiry.c \
	net/stream/tls-files.c \
	net/stream/tls-impl.h \
	net/stream/tls-psk.c \
	net/stream/tls-reason.c \
	net/stream/tls-session.c \
	net/stream/tls.c \
	net/stream/tls.h \
	net/stream/transport.h \
	$(NULL)
libstream_la_CPPFLAGS = $(STREAM_CPPFLAGS) $(GNUTLS_CFLAGS)
libstream_la_LIBADD = $(EV_LIBS) $(GNUTLS_LIBS)

noinst_LTLIBRARIES += libunixsocket.la
libunixsocket_la_SOURCES = \
	net/stream/unix-socket.c \
	net/stream/unix-socket.h \
	net/stream/unix-watch.c \
	net/stream/unix-watch.h \
	$(NULL)
libunixsocket_la_CPPFLAGS = $(STREAM_CPPFLAGS)
