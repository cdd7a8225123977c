# SPDX-License-Identifier: BSD-3-Clause

plugin_LTLIBRARIES = nbdkit-mirror-plugin.la
nbdkit_mirror_plugin_la_SOURCES = \
	plugin/params-check.c \
	plugin/params-check.h \
	plugin/params-names.c \
	plugin/params-names.h \
	plugin/params-parse.c \
	plugin/params-parse.h \
	plugin/params.c \
	plugin/params.h \
	plugin/msg-nbdkit.c \
	plugin/plugin.c \
	plugin/shutdown.c \
	plugin/shutdown.h \
	$(NULL)
nbdkit_mirror_plugin_la_CPPFLAGS = \
	$(CONTROL_CPPFLAGS) \
	$(OPEN_CPPFLAGS) \
	-I$(srcdir)/plugin \
	$(NBDKIT_CFLAGS) \
	$(NULL)
# nodelete: a thread that asks DNS may outlive the plugin (lookup.h).
nbdkit_mirror_plugin_la_LDFLAGS = \
	$(AM_LDFLAGS) \
	-Wl,-z,nodelete \
	-module -avoid-version -shared \
	-Wl,--version-script=$(srcdir)/plugin/plugin.syms \
	$(NULL)
nbdkit_mirror_plugin_la_LIBADD = $(CONTROL_LIBS) $(MIRROR_LIBS)
nbdkit_mirror_plugin_la_DEPENDENCIES = \
	$(CONTROL_LIBS) \
	$(MIRROR_LIBS) \
	plugin/plugin.syms \
	$(NULL)
EXTRA_DIST += plugin/plugin.syms

# nbdkit loads the .so, and nobody links with it.  Without its .la libtool does
# not know what to uninstall.
install-data-hook:
	rm -f $(DESTDIR)$(plugindir)/nbdkit-mirror-plugin.la
uninstall-hook:
	rm -f $(DESTDIR)$(plugindir)/nbdkit-mirror-plugin.so
