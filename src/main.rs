//! h5inbox
fn main(){
    let args: Vec<String> = std::env::args().collect();
    let options = h5inbox::convert::Options{key:"/data".into(),record_bytes:1<<28,file_bytes:0,depth:512,columns:100000,convert_secs:3600,hash:false,durable:false};
    let out=std::path::PathBuf::from(&args[1]);
    for f in &args[2..] { let (file,id)=h5inbox::source::open_named(std::path::Path::new(f)).unwrap();
      let t=out.join(h5inbox::source::output_stem(std::path::Path::new(f).file_name().unwrap())).with_extension("x"); let mut n=t.into_os_string().into_string().unwrap(); n.truncate(n.len()-2); n.push_str(".h5"); let _=std::fs::remove_file(&n);
      match h5inbox::convert::to_file(&file,id,std::path::Path::new(&n),&options) { Ok(s)=>println!("{s:?}"), Err(e)=>{ let _=std::fs::remove_file(&n); println!("{f}: {e}")} } }
}
