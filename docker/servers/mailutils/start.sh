#!/bin/sh
set -eu
# Whoever owns the directory has the mailbox; root may not.
uid=$(stat -c %u /var/mail)
gid=$(stat -c %g /var/mail)
if ! id user >/dev/null 2>&1; then
  getent group "$gid" >/dev/null || groupadd -g "$gid" user
  useradd -o -u "$uid" -g "$gid" -M -d /nonexistent user
fi
printf 'user:%s\n' "$MAIL_PASSWORD" | chpasswd
if [ -d /tls ]; then install -m 600 /tls/cert.pem /tls/key.pem /etc/; fi
exec pop3d --daemon --foreground
