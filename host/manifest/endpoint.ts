/** Places in a flow as they are written: `score`, `score.totals`, `clean -> score.in`. */

export interface Endpoint {
  readonly actor: string;
  readonly port: string;
}

export interface Connection {
  readonly from: Endpoint;
  readonly to: Endpoint;
}

/** Reads a text that the schema has admitted. */
export const readInlet = (text: string): Endpoint => readEndpoint(text, 'in');
export const readOutlet = (text: string): Endpoint => readEndpoint(text, 'out');

export const readConnection = (connection: string | { readonly from: string; readonly to: string }): Connection => {
  const [from = '', to = ''] = typeof connection === 'string' ? connection.split('->') : [connection.from, connection.to];
  return { from: readOutlet(from), to: readInlet(to) };
};

export const endpointText = ({ actor, port }: Endpoint): string => `${actor}.${port}`;
export const connectionText = ({ from, to }: Connection): string => `${endpointText(from)} -> ${endpointText(to)}`;

const readEndpoint = (text: string, usual: string): Endpoint => {
  const [actor = '', port = usual] = text.trim().split('.');
  return { actor, port };
};
