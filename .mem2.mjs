import { createSwitch, createFramePool, createVirtualScheduler } from './packages/core/dist/index.js'
import { createStack } from './packages/stack-ts/dist/index.js'
import v8 from 'node:v8'
const scheduler = createVirtualScheduler({seed:1}); const pool = createFramePool()
const N=200; const lan = createSwitch({scheduler, pool})
const made=[];for (let i=1;i<=N;i++) made.push(createStack({scheduler,pool,interfaces:[{link:lan.port(),addresses:[`10.${i>>16}.${(i>>8)&255}.${i&255}/8`]}]})); await scheduler.settle(60e6); globalThis.keep=await Promise.all(made)
globalThis.gc(); const chunks=[]; for await (const c of v8.getHeapSnapshot()) chunks.push(c); const s=JSON.parse(Buffer.concat(chunks)); const f=s.snapshot.meta.node_fields, w=f.length, T=s.snapshot.meta.node_types[0]; const ef=s.snapshot.meta.edge_fields, ew=ef.length; const ET=s.snapshot.meta.edge_types[0]
const nm=i=>T[s.nodes[i]]+' '+s.strings[s.nodes[i+1]].slice(0,40)
let e=0; const m=new Map()
for(let i=0;i<s.nodes.length;i+=w){const ec=s.nodes[i+f.indexOf('edge_count')]; for(let k=0;k<ec;k++,e+=ew){ const et=ET[s.edges[e]]; if(et==='weak')continue; const to=s.edges[e+2]; const n=nm(to); if(n.startsWith('closure')||n.startsWith('array')||n==='object Set'){ const name=et==='element'||et==='hidden'?'[]':s.strings[s.edges[e+1]]; const key=n.slice(0,20)+' <- '+nm(i)+'.'+name; m.set(key,(m.get(key)??0)+1)}}}
for(const [k,c] of [...m].sort((a,b)=>b[1]-a[1]).filter(([k,c])=>c>=N).slice(0,60)) console.log((c/N).toFixed(1),k)
