"""Reading pages: values in, values out. Documents, selectors, links, the next page."""
