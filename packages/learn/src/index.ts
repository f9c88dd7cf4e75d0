/**
 * A spam filter without a server around it: what it needs to learn from messages at once, to say why, and to keep a budget of
 * what may be lost. It reads nothing and writes nothing; octets and labels come from who uses it.
 *
 * `Scanner` makes `Features` of a message as it was received: hashes in three families, in one pass that costs no more than the
 * first 128 KB of the message. `Model` has a linear model for each family; `score` adds them up to a `rank`, and to a `verdict`
 * that is shrunk where little is known. `learn` takes one message with its label and replays older ones; `unlearn` takes it
 * back. `Corrections` are what one user or domain sees differently, and are added to the model of all.
 *
 * A verdict means nothing by itself. `LossBudget` watches the verdicts of wanted mail before it is learned and gives the threshold
 * by which no more than one in so many is lost; `Calibration` makes a probability of a verdict. `UserTrust` decides whose labels
 * all learn from, `Canaries` notice when learning does harm. `explain` has the reasons for one message in plain words.
 *
 * Begin at `Scanner` and `Model`; the plugin `junk` is what stands around them in a server.
 */
export { LossBudget, type LossBudgetState, type LossThresholds } from './budget.ts'
export { Calibration, type CalibrationState } from './calibration.ts'
export { Canaries, type CanariesState, type Canary, type CanaryCheck } from './canaries.ts'
export { Corrections } from './corrections.ts'
export { type ExplainOptions, type Explanation, explain, type Reason } from './explain.ts'
export { decodeFeatures, encodeFeatures, type Features, FeaturesError } from './features.ts'
export { type LearnOptions, type LessonReceipt, Model, type ModelOptions, type Score } from './model/model.ts'
export type { Label } from './model/reservoir.ts'
export { readingSnapshot, readSnapshot, snapshotSlices, writeSnapshot } from './model/snapshot.ts'
export { SnapshotError } from './model/snapshot-error.ts'
export { SCAN_OCTETS, type ScanFacts, Scanner, type ScannerOptions } from './scan/scanner.ts'
export { type LabelWorth, UserTrust, type UserTrustState } from './trust.ts'
