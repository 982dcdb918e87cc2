/** The suite of test/support/server-suite.ts on every POP3 server that can be run here (docs/servers.md): the quick ones. */
import { serverKinds } from '../fixtures/pop3-servers.ts'
import { describeServer } from '../support/server-suite.ts'

for (const kind of serverKinds) if (kind.slow !== true) describeServer(kind)
