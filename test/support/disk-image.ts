/**
 * A file system of one's own in a file, to cut the power of: what has reached the file by the time it is copied is what a
 * disk would hold, and mounting the copy replays the journal as the next start of a machine would.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, ftruncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Far longer than a test: what was not synced does not get there by itself, or a cut would prove nothing. */
const COMMIT_SECONDS = 300

function run(command: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`)
}

export class DiskImage {
  readonly #home: string
  /** Where it is mounted. */
  readonly directory: string
  #mounted = false

  private constructor() {
    this.#home = mkdtempSync(join(tmpdir(), 'maildrain-disk-'))
    this.directory = join(this.#home, 'mnt')
    run('mkdir', this.directory)
  }

  static make(mebibytes: number): DiskImage {
    const image = new DiskImage()
    const file = openSync(image.#file, 'wx')
    ftruncateSync(file, mebibytes * 1024 * 1024)
    closeSync(file)
    run('mkfs.ext4', '-q', image.#file)
    image.#mount()
    return image
  }

  /** The power fails now: what this disk holds, mounted anew. The writer must stand still. */
  cut(): DiskImage {
    const image = new DiskImage()
    run('cp', '--sparse=always', this.#file, image.#file)
    image.#mount()
    return image
  }

  /** As after an error of the disk: nothing can be written any more (`abort` of ext4). */
  abort(): void {
    run('mount', '-o', 'remount,abort', this.directory)
  }

  remount(options: string): void {
    run('mount', '-o', `remount,${options}`, this.directory)
  }

  /** May be called again. */
  remove(): void {
    // Lazily: whoever still has a file open in it is about to die.
    if (this.#mounted) run('umount', '-l', this.directory)
    this.#mounted = false
    rmSync(this.#home, { recursive: true, force: true })
  }

  get #file(): string {
    return join(this.#home, 'disk.img')
  }

  #mount(): void {
    const options = `loop,noatime,commit=${COMMIT_SECONDS}`
    run('mount', '-o', options, this.#file, this.directory)
    this.#mounted = true
  }
}

function reasonAgainst(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'only root on Linux may mount an image of a disk'
  try {
    DiskImage.make(4).remove()
    return undefined
  } catch (error) {
    return `no image of a disk can be mounted here (${String(error).slice(0, 80)})`
  }
}

/** Why there is no disk to be cut here; undefined when there is one. */
export const noDiskImage: string | undefined = reasonAgainst()
