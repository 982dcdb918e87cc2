/** The suite of test/support/server-suite.ts on those servers that let a client wait. */
import { serverKinds } from '../fixtures/pop3-servers.ts'
import { describeServer } from '../support/server-suite.ts'

for (const kind of serverKinds) if (kind.slow === true) describeServer(kind)
