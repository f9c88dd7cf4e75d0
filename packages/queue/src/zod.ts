/** The options of deliveries as a part of a zod schema, for plugins whose own options have that part. The other entries need no zod. */
export { deliveryOptions } from './rule/delivery-options.ts'
