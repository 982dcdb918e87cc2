/**
 * Which file systems locks hold on. On a network file system two hosts may both be granted one lock, so a lock file
 * there is no fence (G11).
 */
import { readFileSync, statfsSync } from 'node:fs'

/** Magic numbers of statfs(2): Linux, include/uapi/linux/magic.h and the file systems' own headers. */
const NETWORK = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x01021997, '9p'],
  [0x73757245, 'Coda'],
  [0x564c, 'NCP'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
])
const FUSE = 0x65735546

/**
 * FUSE also carries local disks (ntfs-3g, mergerfs, the shared folders of Docker Desktop), where the kernel keeps the
 * locks and they hold between all processes of this host: only the drivers known to reach over a network are refused.
 */
const NETWORK_FUSE = new Set([
  ...['sshfs', 's3fs', 'rclone', 'glusterfs', 'ceph', 'ceph-fuse', 'cephfs', 'davfs', 'davfs2'],
  ...['gcsfuse', 'goofys', 'geesefs', 'mount-s3', 'blobfuse', 'blobfuse2', 'curlftpfs', 'juicefs'],
  ...['smbnetfs', 'nfs', 'google-drive-ocamlfuse', 'onedriver', 'moosefs', 'mfs', 'seaweedfs'],
])

/** What is asked of the system; a parameter, so that a test needs no network. */
export interface FileSystemLook {
  /** `f_type` of statfs(2). */
  type(directory: string): number
  /** Text of /proc/self/mountinfo, see proc(5); empty where there is none. */
  mounts(): string
}

export const systemLook: FileSystemLook = {
  // Some systems give a signed 32-bit number.
  type: (directory) => statfsSync(directory).type >>> 0,
  mounts() {
    try {
      return readFileSync('/proc/self/mountinfo', 'utf8')
    } catch {
      return ''
    }
  },
}

/** @returns the name of the network file system that `directory` (absolute, existing) lies on; null on a local one */
export function networkFileSystem(
  directory: string,
  look: FileSystemLook = systemLook,
): string | null {
  // Elsewhere f_type is a number of another table.
  if (process.platform !== 'linux') return null
  const type = look.type(directory)
  if (type !== FUSE) return NETWORK.get(type) ?? null
  const driver = fuseDriver(directory, look.mounts())
  return driver !== null && NETWORK_FUSE.has(driver) ? driver : null
}

/** Name behind `fuse.` of the last and longest mount that covers the directory. */
function fuseDriver(directory: string, mounts: string): string | null {
  let longest = { point: '', driver: null as string | null }
  for (const line of mounts.split('\n')) {
    const [, right] = line.split(' - ')
    const point = pointOf(line)
    if (point.length < longest.point.length || !covers(point, directory)) continue
    const driver = /^fuse(?:blk)?\.(\S+)/.exec(right ?? '')?.[1]?.toLowerCase() ?? null
    longest = { point, driver }
  }
  return longest.driver
}

/** @param mounts text of /proc/self/mountinfo */
export const mountPoints = (mounts: string): string[] => mounts.split('\n').map(pointOf)

const pointOf = (line: string): string => unescapeOctal(line.split(' ')[4] ?? '')

const covers = (point: string, directory: string): boolean =>
  point !== '' && `${directory}/`.startsWith(point === '/' ? '/' : `${point}/`)

/** mountinfo writes space, tab, newline and backslash as `\040` and so on. */
const unescapeOctal = (text: string): string =>
  text.replace(/\\(\d{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)))
