#!/bin/sh
# Writes password and owner into the configuration, which does not read the environment.
set -eu
if [ ! -d /mail/Maildir ]; then
  mkdir -p /mail/Maildir/new /mail/Maildir/cur /mail/Maildir/tmp
  chown -R 65534:65534 /mail
fi
# Whoever owns the mailbox reads it; root may not.
uid=$(stat -c %u /mail/Maildir)
gid=$(stat -c %g /mail/Maildir)
umask 077
password=$(printf '%s' "$MAIL_PASSWORD" | sed 's/[\\&|]/\\&/g')
sed "s|@PASSWORD@|$password|; s|@UID@|$uid|; s|@GID@|$gid|" /etc/dovecot/dovecot.conf > /etc/dovecot/running.conf
# Later lines win.
printf '%s\n' "$DOVECOT_SETTINGS" >> /etc/dovecot/running.conf
# After SIGKILL the file names process 1, which is this one.
rm -f /run/dovecot/master.pid
exec dovecot -F -c /etc/dovecot/running.conf
