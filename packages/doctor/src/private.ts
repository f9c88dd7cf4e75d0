import { networks, PRIVATE_NETWORKS } from '@postroad/options'

/** Whether an address is of a network of one's own, which nobody outside can reach. Those of documentation are not: examples use them for the world. */
export const isPrivate: (address: string) => boolean = networks(PRIVATE_NETWORKS)
