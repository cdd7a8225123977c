# SPDX-License-Identifier: BSD-3-Clause

noinst_LTLIBRARIES += libclient.la
libclient_la_SOURCES = \
	net/client/client-connect.c \
	net/client/client-connect.h \
	net/client/client-impl.h \
	net/client/client-lease.c \
	net/client/client-lease.h \
	net/client/client-link.c \
	net/client/client-link.h \
	net/client/client-session.c \
	net/client/client-session.h \
	net/client/client.c \
	net/client/client.h \
	$(NULL)
libclient_la_CPPFLAGS = $(CLIENT_CPPFLAGS)
libclient_la_LIBADD = $(EV_LIBS)

# Convenience libraries do not contain each other: whoever links the client
# takes these.
CLIENT_LIBS = libclient.la libstream.la libproto.la
