#!/bin/sh
# Writes the account into userdb, with the password in each form that a mechanism wants.
set -eu
mkdir -p /mail/Maildir/new /mail/Maildir/cur /mail/Maildir/tmp
uid=$(stat -c %u /mail/Maildir)
gid=$(stat -c %g /mail/Maildir)
umask 077
form() { printf '%s\n%s\n' "$MAIL_PASSWORD" "$MAIL_PASSWORD" | userdbpw "$1"; }
{
  printf 'user\tuid=%s|gid=%s|home=/mail|mail=/mail/Maildir|systempw=%s' "$uid" "$gid" "$(form -md5)"
  printf '|hmac-md5pw=%s|hmac-sha1pw=%s|hmac-sha256pw=%s\n' \
    "$(form -hmac-md5)" "$(form -hmac-sha1)" "$(form -hmac-sha256)"
} > /etc/courier/userdb
makeuserdb
sed -i 's/^authmodulelist=.*/authmodulelist="authuserdb"/' /etc/courier/authdaemonrc
sed -i \
  -e 's/^POP3AUTH=.*/POP3AUTH="PLAIN LOGIN CRAM-MD5 CRAM-SHA1 CRAM-SHA256"/' \
  -e 's/^POP3AUTH_TLS=.*/POP3AUTH_TLS="PLAIN LOGIN"/' \
  -e 's/^MAXPERIP=.*/MAXPERIP=40/' /etc/courier/pop3d
mkdir -p /run/courier/authdaemon
# After SIGKILL they name processes that are no more.
rm -f /run/courier/*.pid /run/courier/authdaemon/pid
authdaemond start
if [ -d /tls ]; then
  cat /tls/key.pem /tls/cert.pem > /etc/courier/pop3d.pem
  chown courier /etc/courier/pop3d.pem
  pop3d-ssl start
fi
pop3d start
exec tail -f /dev/null
