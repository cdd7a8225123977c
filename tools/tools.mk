# SPDX-License-Identifier: BSD-3-Clause

sbin_PROGRAMS += tools/nbdmirror
tools_nbdmirror_SOURCES = \
	tools/control-client.c \
	tools/control-client.h \
	tools/dump-dm.c \
	tools/dump-facts.c \
	tools/dump-facts.h \
	tools/dump-json.c \
	tools/dump-leg-facts.c \
	tools/dump-leg-facts.h \
	tools/dump-leg-find.c \
	tools/dump-leg-find.h \
	tools/dump-leg-json.c \
	tools/dump-leg-nbd.c \
	tools/dump-leg-nbd.h \
	tools/dump-leg-text.c \
	tools/dump-leg.h \
	tools/dump-text.c \
	tools/dump.c \
	tools/dump.h \
	tools/fields.c \
	tools/fields.h \
	tools/list.c \
	tools/log-client.c \
	tools/log-client.h \
	tools/log-print.c \
	tools/log-print.h \
	tools/log-servers.c \
	tools/log-servers.h \
	tools/log.c \
	tools/nbdmirror.c \
	tools/nbdmirror.h \
	tools/order-leg.c \
	tools/order-leg.h \
	tools/order-line.c \
	tools/order-line.h \
	tools/order-wait.c \
	tools/order-wait.h \
	tools/order.c \
	tools/scrub-print.c \
	tools/scrub-print.h \
	tools/scrub.c \
	tools/status-dm.c \
	tools/status-text.c \
	tools/status.c \
	tools/status-print.h \
	tools/verbs.c \
	tools/verbs.h \
	tools/wait.c \
	$(NULL)
tools_nbdmirror_CPPFLAGS = \
	$(STREAM_CPPFLAGS) \
	$(PROTO_CPPFLAGS) \
	$(LOG_CPPFLAGS) \
	$(RECORD_CPPFLAGS) \
	$(NULL)
tools_nbdmirror_CFLAGS = $(AM_CFLAGS) $(JSON_CFLAGS) $(LIBNBD_CFLAGS)
tools_nbdmirror_LDADD = \
	libunixsocket.la \
	librecord.la \
	$(LOG_LIBS) \
	libmsgstderr.la \
	$(JSON_LIBS) \
	$(LIBNBD_LIBS) \
	$(NULL)
