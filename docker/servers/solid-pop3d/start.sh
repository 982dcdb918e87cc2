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
# As a daemon of its own it closes the seventh connection of an address in some seconds without a word.
echo 'pop3 stream tcp nowait root /usr/sbin/solid-pop3d solid-pop3d' > /etc/inetd.conf
exec inetd -i -R 10000
