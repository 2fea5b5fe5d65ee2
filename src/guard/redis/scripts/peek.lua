-- Whether an attempt would be refused already. Writes nothing.
return { standing() or 'open' }
