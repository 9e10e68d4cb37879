-- Refuses unknown fields of a JSON body. Envoy's transcoder drops them without a word (envoyproxy/envoy#46623), so that a misspelt
-- "trigger_pirce" would place another order than was meant. Only names and nesting are looked at; values are the transcoder's. It also
-- takes what is not JSON (unquoted keys): that is refused too, or such keys would get past.
-- BODIES and TYPES come from the contracts, see strict_body.py.

local MAXIMUM_DEPTH = 64
local NOT_JSON = "is not valid JSON here"

-- The index after the string that begins at `at`, and its raw text.
local function skip_string(text, at)
  local from = at + 1
  while true do
    local stop = text:find('["\\]', from)
    if not stop then return nil end
    if text:byte(stop) == 34 then return stop + 1, text:sub(at + 1, stop - 1) end
    from = stop + 2
  end
end

local function skip_space(text, at)
  return text:find("[^ \t\r\n]", at) or #text + 1
end

local walk

-- Each of the walkers returns the index after its value, or nil, the path of what is wrong, and what is wrong with it.
local function walk_object(text, at, type_name, path, depth)
  local fields = TYPES[type_name]
  at = skip_space(text, at + 1)
  if text:byte(at) == 125 then return at + 1 end
  while true do
    local after, key
    if text:byte(at) == 34 then after, key = skip_string(text, at) end
    if not after then return nil, path, NOT_JSON end
    local field = path == "" and key or path .. "." .. key
    if fields and fields[key] == nil then return nil, field, "is not a field of " .. type_name:match("[^.]*$") end
    at = skip_space(text, after)
    if text:byte(at) ~= 58 then return nil, field, NOT_JSON end
    local next_at, wrong, why = walk(text, skip_space(text, at + 1), fields and fields[key], field, depth + 1)
    if not next_at then return nil, wrong, why end
    at = skip_space(text, next_at)
    local separator = text:byte(at)
    if separator == 125 then return at + 1 end
    if separator ~= 44 then return nil, path, NOT_JSON end
    at = skip_space(text, at + 1)
  end
end

local function walk_array(text, at, type_name, path, depth)
  at = skip_space(text, at + 1)
  if text:byte(at) == 93 then return at + 1 end
  local index = 0
  while true do
    local next_at, wrong, why = walk(text, at, type_name, path .. "[" .. index .. "]", depth + 1)
    if not next_at then return nil, wrong, why end
    at = skip_space(text, next_at)
    local separator = text:byte(at)
    if separator == 93 then return at + 1 end
    if separator ~= 44 then return nil, path, NOT_JSON end
    at = skip_space(text, at + 1)
    index = index + 1
  end
end

walk = function(text, at, type_name, path, depth)
  if depth > MAXIMUM_DEPTH then return nil, path:match("^[^%[.]*"), "is nested more than " .. MAXIMUM_DEPTH .. " deep" end
  local first = text:byte(at)
  if first == 123 then return walk_object(text, at, type_name, path, depth) end
  if first == 91 then return walk_array(text, at, type_name, path, depth) end
  local after
  if first == 34 then
    after = skip_string(text, at)
  else
    local _, stop = text:find("^[%w.+-]+", at)
    after = stop and stop + 1
  end
  if not after then return nil, path, NOT_JSON end
  return after
end

local function type_of_body(method, path)
  path = path:match("^[^?]*")
  for _, body in ipairs(BODIES) do
    if body.method == method and path:find(body.pattern) then return body.type end
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if (headers:get("content-type") or ""):sub(1, 16) == "application/grpc" then return end
  local type_name = type_of_body(headers:get(":method"), headers:get(":path"))
  local body = type_name and handle:body()
  if not body or body:length() == 0 then return end
  local text = body:getBytes(0, body:length())
  local _, field, why = walk(text, skip_space(text, 1), type_name, "", 0)
  if why then
    if field == "" then field = "body" end
    handle:streamInfo():dynamicMetadata():set("gateway", "bad_field", field)
    handle:respond({[":status"] = "400"}, field .. ": " .. why)
  end
end
