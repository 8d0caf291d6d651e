import { createServer } from 'node:http';
import { createRequestListener } from '@react-router/node';

const build = await import('./build/server/index.js');
const { PORT, HOST } = process.env;
createServer(createRequestListener({ build })).listen(Number(PORT), HOST);
