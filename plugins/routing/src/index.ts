/** Routing rules: which recipient goes where, and who may relay. */
export { options, type RouteQuestion, type RoutingOptions, type RuleOptions, type TargetOptions } from './options.ts'
export { routing } from './routing.ts'
