// The theme puts wide tables into a region that scrolls. A region that scrolls has to be reachable from the keyboard.
const reach = () => {
  for (const region of document.querySelectorAll(".md-typeset__scrollwrap")) region.tabIndex = 0
}
new MutationObserver(reach).observe(document.body, { childList: true, subtree: true })
reach()
