import { empty, f32, openDevice } from 'lac';
import { add } from './1-add.js';

const device = await openDevice(); // the best there is: a GPU, or the software driver
const x = empty(device, f32, [5]).write([1, 2, 3, 4, 5]);
const y = empty(device, f32, [5]).fill(10);
const z = empty(device, f32, [5]);
await add(device, { x, y, z }); // compiled at the first call
console.log(Array.from(await z.read()));
device.destroy();
