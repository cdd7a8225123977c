# SPDX-License-Identifier: BSD-3-Clause

man_MANS = docs/nbdmirror.8
EXTRA_DIST += docs/nbdmirror.pod
MOSTLYCLEANFILES = docs/nbdmirror.8

docs/nbdmirror.8: docs/nbdmirror.pod
	$(AM_V_GEN)$(MKDIR_P) docs && \
	$(POD2MAN) --section=8 --release=$(VERSION) --center=nbdmirror \
		$(srcdir)/docs/nbdmirror.pod $@.tmp && mv $@.tmp $@
