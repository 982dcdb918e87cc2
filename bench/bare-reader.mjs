// As little as a program can do that reads a mailbox over one connection with many RETRs in flight: it counts bytes and the
// ends of replies, and looks at nothing else. No client can be faster; how near one comes is what it costs.
import net from 'node:net'

const { host, port, user, password, messages, inFlight } = JSON.parse(process.argv[2] ?? '{}')
const TERMINATOR = Buffer.from('\r\n.\r\n')

const socket = net.connect({ host, port, noDelay: true })
let bytes = 0
let sent = 0
// The listing, which a reader needs to know what is there, ends like a message.
let ended = -1
/** Last bytes of the chunk before, in which a terminator may have begun. */
let tail = Buffer.alloc(0)

const lines = ['', `USER ${user}`, `PASS ${password}`]
await new Promise((resolve, reject) => {
  socket.on('error', reject)
  const logIn = () => {
    const line = lines.shift()
    if (line === undefined) {
      socket.off('data', logIn)
      resolve()
    } else if (line !== '') socket.write(`${line}\r\n`)
    else logIn()
  }
  socket.on('data', logIn)
})

const started = performance.now()
await new Promise((resolve) => {
  const fill = () => {
    let commands = ''
    while (sent < messages && sent - ended < inFlight) commands += `RETR ${++sent}\r\n`
    if (commands !== '') socket.write(commands)
  }
  socket.on('data', (chunk) => {
    bytes += chunk.length
    const seam = Buffer.concat([tail, chunk.subarray(0, TERMINATOR.length - 1)])
    if (seam.includes(TERMINATOR)) ended += 1
    for (let at = 0; (at = chunk.indexOf(TERMINATOR, at)) >= 0; at += TERMINATOR.length) ended += 1
    tail = Buffer.from(chunk.subarray(-(TERMINATOR.length - 1)))
    if (ended >= messages) resolve()
    else fill()
  })
  socket.write('LIST\r\n')
})
const seconds = (performance.now() - started) / 1000
socket.end('QUIT\r\n')
console.log(JSON.stringify({ seconds, bytes }))
