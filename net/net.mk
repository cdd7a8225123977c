# SPDX-License-Identifier: BSD-3-Clause

noinst_LTLIBRARIES += libunixsocket.la
libunixsocket_la_SOURCES = \
	net/unix-socket.c \
	net/unix-socket.h \
	$(NULL)
