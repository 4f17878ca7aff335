#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    baton_fuzz::check("frame", data);
    baton_fuzz::compare_with_reference(data);
});
