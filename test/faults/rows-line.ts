/** Faults 1 to 52: of the line, of the server, and of logging in. */
import type { FaultRow } from './rows.ts'

const ONCE = 'each message is at the destination once'

export const LINE_ROWS: readonly FaultRow[] = [
  // Connecting and the greeting.
  {
    n: 1,
    fault: 'nobody listens',
    holds: 'tried again after growing pauses with a share of chance, then exit 4 and one line',
  },
  {
    n: 2,
    fault: 'connecting is answered by nothing',
    holds: 'given up after its time; exit 4 and one line',
  },
  {
    n: 3,
    fault: 'the connection is reset as soon as it is accepted',
    holds: 'tried again after growing pauses; exit 4 and one line',
  },
  {
    n: 4,
    fault: 'no greeting ever comes',
    holds: 'given up after its time; exit 4 and one line',
  },
  {
    n: 5,
    fault: 'the greeting comes a byte a second',
    holds: 'the deadline is that of the whole line, however it trickles',
  },
  { n: 6, fault: 'the greeting is -ERR', holds: 'tried again later; no word about credentials' },
  {
    n: 7,
    fault: 'the greeting is 10 MB without a line end',
    holds: 'memory stays bounded; one line',
  },
  // The line in the middle of a session.
  { n: 8, fault: 'the line is cut at any byte of the session, in either direction', holds: ONCE },
  { n: 9, fault: 'the line is cut after any command was sent, before its reply', holds: ONCE },
  { n: 10, fault: 'the login was accepted and the reply is lost', holds: ONCE },
  { n: 11, fault: 'a DELE was carried out and the reply is lost', holds: ONCE },
  {
    n: 12,
    fault: 'QUIT was carried out and the reply is lost',
    holds: `${ONCE}; the next look decides what is gone`,
  },
  // Deletion.
  { n: 13, fault: 'QUIT is -ERR, deleted messages were not removed', holds: ONCE },
  { n: 14, fault: 'QUIT is -ERR, and some of the deleted messages were removed', holds: ONCE },
  {
    n: 15,
    fault: 'the server never removes what was deleted',
    holds: 'said and given up; nothing is written twice',
  },
  { n: 16, fault: 'DELE removes at once', holds: 'nothing is lost wherever the drain dies' },
  {
    n: 17,
    fault: 'a dropped connection removes what was marked',
    holds: 'nothing is lost wherever the drain dies',
  },
  {
    n: 18,
    fault: 'the server numbers anew within the session after DELE',
    holds: 'no message but those that are durable is ever deleted',
  },
  // Listings and identity.
  {
    n: 19,
    fault: 'a unique-id is used again for new mail',
    holds: 'both messages are delivered',
  },
  {
    n: 20,
    fault: 'a listing holds the same unique-id several times',
    holds: 'all that differs is delivered; equal bytes are one message',
  },
  { n: 21, fault: 'all unique-ids change', holds: 'nothing is lost, and a user is told' },
  {
    n: 22,
    fault: 'the server has no UIDL',
    holds: 'drained by the bytes alone; refused where mail is to stay',
  },
  {
    n: 23,
    fault: 'UIDL and LIST disagree about how many there are',
    holds: 'what is not listed is not deleted, and is said',
  },
  {
    n: 24,
    fault: 'LIST gives wrong sizes: 0, one more, one less, 2^63',
    holds: 'bytes are what counts',
  },
  { n: 25, fault: 'mail arrives during the session', holds: 'it is drained as well' },
  {
    n: 26,
    fault: 'a message vanishes between its listing and RETR',
    holds: 'counted as vanished; the others go on',
  },
  // Refusals.
  { n: 27, fault: 'the mailbox is busy: [IN-USE]', holds: 'tried again' },
  { n: 28, fault: '[LOGIN-DELAY]', holds: 'waited for' },
  {
    n: 29,
    fault: '[SYS/TEMP] and [SYS/PERM]',
    holds: 'the first is tried again, the second ends the drain',
  },
  { n: 30, fault: '[AUTH]', holds: 'tried once' },
  {
    n: 31,
    fault: 'the account is locked after three failures',
    holds: 'never so many attempts; exit 3 and one line',
  },
  // Reading.
  {
    n: 32,
    fault: 'RETR stops in the middle of a message, and the line stays open',
    holds: 'given up when idle for too long; the part never reaches the destination',
  },
  {
    n: 33,
    fault: 'RETR drips ten bytes a second',
    holds: 'below the least rate the session ends; the others are drained',
  },
  {
    n: 34,
    fault: 'RETR never ends',
    holds: 'memory stays bounded; the session ends, and the message stays',
  },
  {
    n: 35,
    fault: 'a message is well terminated and has fewer octets than were listed',
    holds: 'not deleted; tried again, then kept',
  },
  {
    n: 36,
    fault: 'a bit of a message is flipped on a line without TLS',
    holds: 'nothing shows it, but two readings that differ are never taken for one message',
  },
  { n: 37, fault: 'garbage comes between replies', holds: 'the session is closed without QUIT' },
  { n: 38, fault: 'a +OK that nobody asked for', holds: 'the session is closed without QUIT' },
  {
    n: 39,
    fault: 'replies to pipelined commands come in another order',
    holds: 'the session is closed without QUIT',
  },
  // TLS.
  { n: 40, fault: 'the certificate has expired', holds: 'refused before any password was sent' },
  {
    n: 41,
    fault: 'the certificate is for another name',
    holds: 'refused before any password was sent',
  },
  {
    n: 42,
    fault: 'the certificate is signed by nobody who is trusted',
    holds: 'refused before any password was sent',
  },
  { n: 43, fault: 'the server has TLS 1.0 alone', holds: 'refused before any password was sent' },
  {
    n: 44,
    fault: 'TLS ends without close_notify in the middle of RETR',
    holds: 'a lost connection, and no end of the message',
  },
  { n: 45, fault: 'STLS is taken out of CAPA', holds: 'refused before any password was sent' },
  {
    n: 46,
    fault: 'clear text stands right behind the +OK to STLS',
    holds: 'the session ends, none of it is believed',
  },
  { n: 47, fault: 'no handshake follows the +OK to STLS', holds: 'given up after its time' },
  // Names and tokens.
  {
    n: 48,
    fault: 'the name is not found, the name server fails, or takes 30 s',
    holds: 'tried again; exit 4 and one line',
  },
  {
    n: 49,
    fault: 'the name leads elsewhere from one session to the next',
    holds: 'what another machine shows is a fresh listing, and proves nothing',
  },
  {
    n: 50,
    fault: 'an access token ends in the middle',
    holds: 'renewed once, on a new connection; no secret is shown',
  },
  {
    n: 51,
    fault: 'the token endpoint answers 400, 500, or late',
    holds: 'asked once for all who wait; no secret is shown',
  },
  {
    n: 52,
    fault: 'the clock of this machine is wrong about how long a token lasts',
    holds: 'a rejected token is renewed whatever the clock says',
  },
]
