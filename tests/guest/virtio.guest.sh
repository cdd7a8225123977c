# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh

# Runs in the guest.

sh -eu /fs-load.sh /dev/vda
