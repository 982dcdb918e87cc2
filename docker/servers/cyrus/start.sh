#!/bin/sh
set -eu
mkdir -p /run/cyrus/proc /run/cyrus/lock /run/cyrus/socket
chown -R cyrus:mail /run/cyrus
printf '%s' "$MAIL_PASSWORD" | saslpasswd2 -p -c -f /etc/sasldb2 user
chown cyrus:mail /etc/sasldb2
if [ -d /tls ]; then
  install -o cyrus -m 600 /tls/cert.pem /tls/key.pem /etc/
  printf 'tls_server_cert: /etc/cert.pem\ntls_server_key: /etc/key.pem\n' >> /etc/imapd.conf
fi
exec cyrmaster -D
