# SPDX-License-Identifier: BSD-3-Clause

# What fits a mirror into the system: a launcher, units, completion.
dist_systemdsystemunit_DATA += service/mirror@.socket
nodist_systemdsystemunit_DATA += service/mirror@.service
nodist_sbin_SCRIPTS = service/nbdmirror-serve
bashcompletiondir = $(datadir)/bash-completion/completions
bashcompletion_DATA = service/nbdmirror
EXTRA_DIST += \
	service/mirror@.service.in \
	service/nbdmirror-serve.in \
	service/nbdmirror.bash \
	$(NULL)
CLEANFILES += \
	service/mirror@.service \
	service/nbdmirror \
	service/nbdmirror-serve \
	$(NULL)

service/mirror@.service: $(srcdir)/service/mirror@.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(fill_in)
service/nbdmirror-serve: $(srcdir)/service/nbdmirror-serve.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(fill_in) && chmod +x $@
# bash looks for a file with the name of the command.
service/nbdmirror: $(srcdir)/service/nbdmirror.bash
	$(AM_V_GEN)$(MKDIR_P) $(@D) && cp $< $@
