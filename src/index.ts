/** The public surface of maildrain: re-exports only. */
export { drain, type DrainOptions } from './pipeline/drain.ts'
export { watch, type WatchOptions } from './pipeline/watch.ts'
export type { WatchReceipt } from './pipeline/watch-receipt.ts'
export { type Progress, type Receipt, exitCodeOf } from './pipeline/receipt.ts'
export { audit, auditAgainst, type AuditOptions } from './audit/audit.ts'
export {
  type AuditReport,
  type Balance,
  type ManifestReport,
  auditExitCode,
} from './audit/report.ts'
export type { ReadingProgress } from './audit/reading.ts'
export { restore, type RestoreOptions, type RestoreTarget } from './restore/restore.ts'
export { type RestoreReceipt, restoreExitCode } from './restore/receipt.ts'
export type { Finding, Findings } from './audit/findings.ts'
export { pop3, type Pop3SourceOptions } from './sources/pop3/index.ts'
export { kafka, type KafkaSinkOptions } from './sinks/kafka/index.ts'
export { sqlite, type SqliteSinkOptions } from './sinks/sqlite/index.ts'
export { parse, type ParseOptions } from './transforms/parse/index.ts'
export { dedupe } from './transforms/dedupe.ts'
export { decodeAvro, decodeJson, encodeAvro, encodeJson } from './transforms/encode.ts'
export type { Stage, StageContext, Transform, TransformFunction } from './transforms/stage.ts'
export type {
  Batch,
  BatchMessage,
  Durability,
  Guarantee,
  LedgerView,
  PeekContext,
  Sink,
  SinkContext,
  SinkRecord,
  StoredRecord,
  WriteOptions,
} from './sinks/sink.ts'
export type { Source, SourceContext, SourceReport } from './sources/source.ts'
export type { KeySet } from './ledger/key-set.ts'
export type { KeptReason, Ledger, LedgerEntry, LedgerState, Tally } from './ledger/ledger.ts'
export type {
  AttachmentInfo,
  HeaderField,
  MailAddress,
  MailRecord,
  ParseStatus,
  RawMessage,
} from './message.ts'
export type { Logger } from './logger.ts'
export {
  BatchError,
  ConfigError,
  ConnectionError,
  ERROR_CODES,
  EXIT,
  type ErrorCode,
  LedgerError,
  MaildrainError,
  type OAuthRefusal,
  Pop3ProtocolError,
  Pop3ReplyError,
  Pop3StateError,
  SinkError,
} from './errors.ts'
