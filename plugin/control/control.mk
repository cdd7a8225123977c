# SPDX-License-Identifier: BSD-3-Clause

# The control socket.
noinst_LTLIBRARIES += libcontrol.la
libcontrol_la_SOURCES = \
	plugin/control/announce.c \
	plugin/control/announce.h \
	plugin/control/clients.c \
	plugin/control/clients.h \
	plugin/control/control-commands.c \
	plugin/control/control-commands.h \
	plugin/control/control.c \
	plugin/control/control.h \
	plugin/control/jobs.c \
	plugin/control/jobs.h \
	plugin/control/order-json.c \
	plugin/control/order-json.h \
	plugin/control/status-json.c \
	plugin/control/status-json.h \
	$(NULL)
libcontrol_la_CPPFLAGS = $(CONTROL_CPPFLAGS)
libcontrol_la_CFLAGS = $(AM_CFLAGS) $(JSON_CFLAGS)
libcontrol_la_LIBADD = $(JSON_LIBS) $(EV_LIBS)
CONTROL_LIBS = libcontrol.la libunixsocket.la
