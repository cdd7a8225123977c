# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # functions.sh has tmp

# Certificates for end-to-end tests, after functions.sh.

requires_tool certtool

# sign NAME AUTHORITY LINE...: $tmp/NAME-key.pem and NAME-cert.pem, for two
# days, by an authority (self: it is one).
sign ()
{
  certtool --generate-privkey --key-type=ecdsa --outfile "$tmp/$1-key.pem"
  printf '%s\n' 'expiration_days = 2' "${@:3}" >"$tmp/template"
  if [ "$2" = self ]; then
    certtool --generate-self-signed --load-privkey "$tmp/$1-key.pem" \
      --template "$tmp/template" --outfile "$tmp/$1-cert.pem"
  else
    certtool --generate-certificate --load-privkey "$tmp/$1-key.pem" \
      --load-ca-certificate "$tmp/$2-cert.pem" \
      --load-ca-privkey "$tmp/$2-key.pem" \
      --template "$tmp/template" --outfile "$tmp/$1-cert.pem"
  fi
} 2>>"$tmp/certtool.log"
