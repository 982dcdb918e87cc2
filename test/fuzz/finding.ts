/** The client does not do what it has to. */
export class Finding extends Error {}
