# SPDX-License-Identifier: BSD-3-Clause

noinst_LTLIBRARIES += libstream.la
libstream_la_SOURCES = \
	net/address.c \
	net/address.h \
	$(NULL)
