//! How a host and a module hand texts to each other.
//!
//! The module owns all of its memory, and no function takes a pointer. [`countersign_input`] gives the place to write a text to; the
//! function that is called next is told how long the text is. What it answers is read at [`countersign_output`] before the next
//! call. So no address that a host gives has to be trusted, and nothing has to be freed.

use core::cell::RefCell;

use zeroize::Zeroize as _;

/// Any change of a function or of what it takes and answers has another number.
const ABI: i32 = 1;
/// The longest text that is taken, in bytes: the longest key document.
const MAX_INPUT: usize = countersign::edge::MAX_DOCUMENT_BYTES;

/// What came in, and what goes out.
#[derive(Default)]
struct Memory {
    input: Vec<u8>,
    output: String,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// A call that fails; the numbers are part of the interface, and negative, since others count something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
#[allow(dead_code, reason = "each module has some of them")]
pub(crate) enum Failure {
    /// The text is longer than the room that was asked for, or no UTF-8.
    Input = -1,
    /// The configuration isn't understood: the output says why.
    Configuration = -2,
    /// There is no configuration yet.
    NotConfigured = -3,
    /// The key document isn't understood: the output says why.
    Document = -4,
    /// There are no keys yet that could check it: an outage, no refusal.
    NoKeys = -5,
    /// Refused.
    Invalid = -6,
    /// Refused; it names a key that isn't known here. It may be a new one: load the documents again, but not each time.
    UnknownKey = -7,
    /// The address is no e-mail address.
    Address = -8,
    /// Refused: it was right, and is over.
    Expired = -9,
}

/// The version of this interface. A host that knows another one stops here.
#[unsafe(no_mangle)]
extern "C" fn countersign_abi() -> i32 {
    ABI
}

/// Where to write a text of so many bytes: null if that is more than 64 KiB. Ask anew for each text, and look at the memory anew
/// afterwards: it may have grown.
#[unsafe(no_mangle)]
extern "C" fn countersign_input(length: u32) -> *mut u8 {
    MEMORY.with_borrow_mut(|memory| {
        memory.forget();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > MAX_INPUT {
            return core::ptr::null_mut();
        }
        memory.input.resize(length, 0);
        memory.input.as_mut_ptr()
    })
}

/// Where the answer to the last call is, which is UTF-8.
#[unsafe(no_mangle)]
extern "C" fn countersign_output() -> *const u8 {
    MEMORY.with_borrow(|memory| memory.output.as_ptr())
}

/// How many bytes the answer to the last call has.
#[unsafe(no_mangle)]
extern "C" fn countersign_output_length() -> usize {
    MEMORY.with_borrow(|memory| memory.output.len())
}

/// Calls a function with the text that the host wrote; what it writes is the output. What it returns, or the failure's number.
pub(crate) fn answer(length: u32, function: impl FnOnce(&str, &mut String) -> Result<i32, Failure>) -> i32 {
    // Taken out, so that whatever happens in between, nothing of it is left.
    let Memory { mut input, mut output } = MEMORY.take();
    output.clear();
    let text = usize::try_from(length).ok().and_then(|length| input.get(..length)).and_then(|text| str::from_utf8(text).ok());
    let result = text.ok_or(Failure::Input).and_then(|text| function(text, &mut output));
    input.zeroize();
    MEMORY.set(Memory { input, output });
    result.unwrap_or_else(|failure| failure as i32)
}

impl Memory {
    fn forget(&mut self) {
        self.input.zeroize();
        self.output.zeroize();
    }
}
