/** Ends a session that has read nothing: whether QUIT is answered makes no difference. */
import { describeError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import type { Pop3Client } from '../../pop3/index.ts'

export async function quitQuietly(client: Pop3Client, log: Logger): Promise<void> {
  try {
    await client.quit()
  } catch (error) {
    log.debug({ reason: describeError(error) }, 'QUIT of a look was not answered')
  }
}
